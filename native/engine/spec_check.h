// Whether a spec is one that the engine can compute at all: every size is in a range in which no product of sizes overflows.
#pragma once

#include <string>

#include "spec.h"
#include "status.h"

namespace vitrine {

// ERR_CHECKPOINT_UNSUPPORTED with the field, its range and what was found. Tensors are checked against the files by TensorReader::Check.
Status CheckSpec(const EncoderSpec& spec);

// Everything of a spec that its packed weights depend on, except the files themselves (their identities are added by weight_store.cc).
std::string SpecKey(const EncoderSpec& spec);

}  // namespace vitrine
