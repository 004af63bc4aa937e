// SPDX-License-Identifier: GPL-2.0-only
// Ioctls in the model's words.
#pragma once

#include <string>

#include "harness/history/recording.h"
#include "harness/record/objects.h"

namespace kct {

struct Translated {
  enum class What {
    kCall,
    kNeutral,  // nothing that the model knows of changes
    kUnknown,  // from here on the model does not know what is
  };
  What what = What::kNeutral;
  RecordedCall call;
  std::string why;  // kUnknown
};

// `first_signal`: calls may have been interrupted since then.
Translated Translate(const VmEvents::Call& call, uint64_t first_signal);

}  // namespace kct
