// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <regex>
#include <utility>

#include "ci/drift/document.h"
#include "ci/drift/rst_lines.h"

namespace kct {
namespace {

// A paragraph, an item or a field while its lines come in.
struct Block {
  enum class Kind { kNone, kProse, kField };
  Kind kind = Kind::kNone;
  size_t indent = 0;  // of its text; of a field: of its colon
  std::string key;    // of a field
  std::string text;
};

class RstParser {
 public:
  explicit RstParser(std::string_view text) : lines_(RstLines(text)) {}

  Document Parse() {
    while (at_ < lines_.size()) {
      const std::string& line = lines_[at_];
      if (IsBlank(line)) {
        EndBlock();
        ++at_;
      } else if (!ReadLiteral(line) && !ReadTitle() && !ReadTable() && !ReadDirective(line)) {
        ReadText(line);
        ++at_;
      }
    }
    EndBlock();
    return std::move(document_);
  }

 private:
  // Below a paragraph that ends in "::", what is indented more than it.
  bool ReadLiteral(const std::string& line) {
    if (!literal_above_) return false;
    if (IndentOf(line) <= *literal_above_) {
      literal_above_.reset();
      return false;
    }
    std::vector<Sentence> whole = SplitSentences(line);
    Sentence code{FoldSpace(line), whole.empty() ? "-" : whole.front().label};
    document_.AddSentence(std::move(code));
    ++at_;
    return true;
  }

  bool ReadTitle() {
    const auto line = [&](size_t ahead) -> std::string_view {
      return at_ + ahead < lines_.size() ? std::string_view(lines_[at_ + ahead])
                                         : std::string_view();
    };
    if (block_.kind != Block::Kind::kNone) return false;
    const bool overlined = IsUnderline(line(0)) && !IsBlank(line(1)) && line(2) == line(0);
    const bool underlined =
        !overlined && IndentOf(line(0)) == 0 && !IsUnderline(line(0)) && IsUnderline(line(1));
    if (!overlined && !underlined) return false;
    const std::string style{overlined ? 'o' : 'u', line(overlined ? 0 : 1)[0]};
    auto known = std::ranges::find(styles_, style);
    if (known == styles_.end()) known = styles_.insert(styles_.end(), style);
    document_.AddSection(std::string(line(overlined ? 1 : 0)),
                         static_cast<int>(known - styles_.begin()));
    at_ += overlined ? 3 : 2;
    return true;
  }

  bool ReadTable() {
    const Table table = TableAt(std::span(lines_).subspan(at_));
    if (table.lines == 0) return false;
    EndBlock();
    for (const Sentence& row : table.rows) document_.AddSentence(row);
    at_ += table.lines;
    return true;
  }

  // ".. note:: text", ".. _label:", ".. a comment"
  bool ReadDirective(const std::string& line) {
    static const std::regex directive(R"( *\.\. ?([a-z-]+)::(.*))");
    const size_t indent = IndentOf(line);
    if (line.compare(indent, 3, ".. ") != 0 && line.substr(indent) != "..") return false;
    EndBlock();
    std::smatch match;
    if (std::regex_match(line, match, directive)) {
      if (match[1] == "code-block" || match[1] == "parsed-literal") {
        literal_above_ = indent;
      } else {
        for (Sentence& sentence : SplitSentences(match[2].str())) {
          document_.AddSentence(std::move(sentence));
        }
      }
    }
    ++at_;
    return true;
  }

  void ReadText(const std::string& line) {
    const size_t indent = IndentOf(line);
    const std::optional<Field> field = FieldOf(line);
    const std::optional<size_t> item = ItemTextOf(line);
    const bool goes_on = (block_.kind == Block::Kind::kField && indent > block_.indent) ||
                         (block_.kind == Block::Kind::kProse && indent == block_.indent && !field);
    if (goes_on) {
      block_.text += "\n" + line;
      return;
    }
    EndBlock();
    if (field) {
      block_ = {Block::Kind::kField, indent, field->key, field->rest};
    } else {
      const size_t text = item.value_or(indent);
      block_ = {Block::Kind::kProse, text, {}, line.substr(text)};
    }
  }

  void EndBlock() {
    const Block block = std::exchange(block_, {});
    if (block.kind == Block::Kind::kField) {
      document_.AddSentence(KeyedSentence(block.key, block.text));
    } else if (block.kind == Block::Kind::kProse) {
      std::string_view text = block.text;
      if (text.ends_with("::")) {
        literal_above_ = block.indent;
        text.remove_suffix(text == "::" ? 2 : 1);
      }
      for (Sentence& sentence : SplitSentences(text)) document_.AddSentence(std::move(sentence));
    }
  }

  std::vector<std::string> lines_;
  size_t at_ = 0;
  Document document_;
  Block block_;
  std::optional<size_t> literal_above_;  // the indent of what announced it
  std::vector<std::string> styles_;      // of titles, outermost first
};

}  // namespace

Document ParseRst(std::string_view text) { return RstParser(text).Parse(); }

}  // namespace kct
