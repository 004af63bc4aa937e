// SPDX-License-Identifier: GPL-2.0-only
// A unix socket in a folder, whose path may be longer than the 107 bytes that an address holds.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

// Takes the place of a socket that is there already.
Result<UniqueFd> ListenIn(const std::filesystem::path& folder);
// An Error if nobody listens.
Result<UniqueFd> ConnectTo(const std::filesystem::path& folder);

// A peer that is gone is no error: it doesn't want the answer any more.
void SendAll(int socket, std::string_view text);
// Until the peer closes.
std::string ReceiveAll(int socket);
// Up to the newline, which is left out. Waits no longer than a second.
std::string ReceiveLine(int socket);

}  // namespace kct
