// Who shares and who waits, behind session_store.h.
#include "session_store.h"

#include <algorithm>

namespace vitrine {

OrtStore& OrtStore::Get() {
  static OrtStore* store = new OrtStore;
  return *store;
}

void OrtStore::Load(const std::shared_ptr<OrtRequest>& request, OrtSource source) {
  std::shared_ptr<OrtUse> use;
  std::shared_ptr<OrtModel> started;
  {
    std::lock_guard lock(mutex_);
    if (request->settled_) return;
    std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
    if (const auto found = open_.find(source.key); found != open_.end()) use = found->second.lock();
    if (use != nullptr) {
      request->settled_ = true;
    } else {
      Opening& opening = opening_[source.key];
      if (opening.model == nullptr) started = opening.model = std::make_shared<OrtModel>(std::move(source));
      opening.waiting.push_back(request);
      request->model_ = opening.model;
    }
  }
  if (use != nullptr) return request->Opened(Status::Ok(), std::move(use));
  if (started != nullptr && !started->Start(started))
    Opened(started, Status::Error("ERR_OUT_OF_MEMORY", "the system gives this process no thread to compute on"));
}

bool OrtStore::Leave(OrtRequest& request) {
  std::shared_ptr<OrtModel> abandoned;
  {
    std::lock_guard lock(mutex_);
    if (request.settled_) return false;
    request.settled_ = true;
    for (auto entry = opening_.begin(); entry != opening_.end(); ++entry) {
      if (entry->second.model != request.model_) continue;
      std::erase_if(entry->second.waiting, [&request](const auto& one) { return one.get() == &request; });
      if (entry->second.waiting.empty()) {
        abandoned = std::move(entry->second.model);
        opening_.erase(entry);  // a later load starts anew
      }
      break;
    }
    request.model_ = nullptr;
  }
  if (abandoned != nullptr) abandoned->Abandon();
  return true;
}

bool OrtStore::Opened(const std::shared_ptr<OrtModel>& model, Status status) {
  std::vector<std::shared_ptr<OrtRequest>> waiting;
  std::shared_ptr<OrtUse> use;
  {
    std::lock_guard lock(mutex_);
    const auto entry = opening_.find(model->key());
    if (entry == opening_.end() || entry->second.model != model) return false;  // abandoned
    waiting = std::move(entry->second.waiting);
    opening_.erase(entry);
    for (const auto& one : waiting) one->settled_ = true, one->model_ = nullptr;
    if (status.ok()) {
      use = std::make_shared<OrtUse>(model);
      open_[model->key()] = use;
    }
  }
  for (const auto& one : waiting) one->Opened(status, use);
  return true;
}

}  // namespace vitrine
