// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/message.h"

#include <charconv>

namespace kct {
namespace {

// Takes the fields of a line from its front.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}

  std::string_view Word() {
    const std::size_t space = text_.find(' ');
    const std::string_view word = text_.substr(0, space);
    text_.remove_prefix(space == std::string_view::npos ? text_.size() : space + 1);
    return word;
  }

  template <typename Number>
  Number Take() {
    const std::string_view word = Word();
    Number number{};
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (code != std::errc() || end != word.data() + word.size()) bad_ = true;
    return number;
  }

  std::string Rest() const { return std::string(text_); }
  bool bad() const { return bad_; }

 private:
  std::string_view text_;
  bool bad_ = false;
};

}  // namespace

std::optional<Message> ParseMessage(std::string_view line) {
  using Kind = Message::Kind;
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  Fields fields(line);
  const std::string_view letter = fields.Word();
  if (letter.size() != 1) return std::nullopt;
  Message message{.kind = static_cast<Kind>(letter[0])};
  switch (message.kind) {
    case Kind::kUp:
    case Kind::kBroken:
      break;
    case Kind::kStarted:
    case Kind::kEvent:
    case Kind::kOutput:
    case Kind::kStuck:
      message.id = fields.Take<uint64_t>();
      break;
    case Kind::kKernelLog:
      message.time = microseconds(fields.Take<int64_t>());
      message.status = fields.Take<int>();
      break;
    case Kind::kExited:
      message.id = fields.Take<uint64_t>();
      message.status = fields.Take<int>();
      message.signal = fields.Take<int>();
      message.time = milliseconds(fields.Take<int64_t>());
      break;
    case Kind::kReloaded:
      message.status = fields.Take<int>();
      break;
    case Kind::kAlive:
      message.time = milliseconds(fields.Take<int64_t>());
      break;
    default:
      return std::nullopt;
  }
  if (fields.bad()) return std::nullopt;
  message.text = fields.Rest();
  return message;
}

}  // namespace kct
