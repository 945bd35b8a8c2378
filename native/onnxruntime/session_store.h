// One session per key in the process, however many loads ask for it. Before it: binding/onnx.cc; after it: session.h. Loads that come while
// it is being opened join; it closes when the last handle and the last image let go of it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "session.h"

namespace vitrine {

class OrtStore {
 public:
  // Never destroyed: sessions may still run while the process exits.
  static OrtStore& Get();

  // Answers the request at once from an open session, joins one that is being opened, or starts one.
  void Load(const std::shared_ptr<OrtRequest>& request, OrtSource source);
  // The request is no longer wanted. True: Opened will not be called. False: it was called, or is being called.
  bool Leave(OrtRequest& request);

  // By the session's thread: it is open, or not. Answers everyone who waits; false where nobody does, and the session is to go.
  bool Opened(const std::shared_ptr<OrtModel>& model, Status status);

 private:
  struct Opening {
    std::shared_ptr<OrtModel> model;
    std::vector<std::shared_ptr<OrtRequest>> waiting;
  };
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<OrtUse>> open_;
  std::map<std::string, Opening> opening_;
};

}  // namespace vitrine
