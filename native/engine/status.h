// What every engine function that can fail returns. The engine never throws, prints or exits; binding/results.cc turns a Status into a
// JavaScript error with `code` and fields, lib/errors.ts into a VitrineError.
#pragma once

#include <string>
#include <utility>

namespace vitrine {

struct [[nodiscard]] Status {
  std::string code;     // empty: fine; else the VitrineError code, "ERR_CHECKPOINT_TRUNCATED", …
  std::string message;  // names the file, the tensor or the image, what was expected and what was found

  bool ok() const { return code.empty(); }
  static Status Ok() { return {}; }
  static Status Error(std::string code, std::string message) { return {std::move(code), std::move(message)}; }
};

}  // namespace vitrine
