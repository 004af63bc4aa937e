// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/picture.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/check.h"
#include "harness/base/xml.h"
#include "harness/history/text.h"
#include "harness/judge/explain.h"
#include "harness/judge/layout.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

using model::Move;

constexpr double kBarTop = 17, kBarHeight = 14;

constexpr std::string_view kColours = R"(
:root{color-scheme:light dark;--page:#fbfbf9;--lane:#f1f1ec;--text:#1d2327;--faint:#6c757d;
--rule:#d8d8d0;--bar:#9db4cf;--guest:#a9c7a0;--marked:#e0b354;--new:#8fb58a;--core:#c92a3d;
--corebar:#f1b4ba;--meet:#6d5bd0}
@media(prefers-color-scheme:dark){:root{--page:#15181b;--lane:#1e2327;--text:#e6e6e1;
--faint:#98a1a8;--rule:#343b41;--bar:#4a6484;--guest:#4f7049;--marked:#9a7424;--new:#456b41;
--core:#ff6b7d;--corebar:#6e2933;--meet:#a99bff}}
svg text{paint-order:stroke;stroke:var(--lane);stroke-width:3px;stroke-linejoin:round}
svg{font:11px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:var(--text)}
.lane{fill:var(--lane)}.faint{fill:var(--faint)}.rule{stroke:var(--rule)}
.name{font-weight:600;font-size:12px}.bar{fill:var(--bar)}.guest{fill:var(--guest)}
.marked{fill:var(--marked)}.new{fill:var(--new)}
.core{fill:var(--corebar);stroke:var(--core);stroke-width:2}.why{fill:var(--core);font-weight:600}
.meet{fill:var(--meet);fill-opacity:.13}.seen{fill:var(--text)}
.cut{stroke:var(--faint);stroke-dasharray:2 3}.hang{fill:none;stroke:var(--core);stroke-width:2}
)";

constexpr std::string_view kPageStyle = R"(
body{margin:0 auto;padding:28px 24px;max-width:1500px;background:var(--page);color:var(--text);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:21px;margin:0}h2{font-size:15px;margin:28px 0 8px}
.sub{color:var(--faint);margin:2px 0 18px}
.clause{border-left:4px solid var(--core);padding:6px 14px;margin:8px 0;background:var(--lane)}
.clause b{color:var(--core)}
.picture{overflow-x:auto;border:1px solid var(--rule);border-radius:6px}
pre{font:12px/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;overflow-x:auto;
background:var(--lane);padding:12px 14px;border-radius:6px}
.key span{display:inline-block;margin-right:22px;color:var(--faint);font-size:13px}
.key i{display:inline-block;width:22px;height:12px;border-radius:3px;vertical-align:-1px;
margin-right:7px}
)";

class Drawing {
 public:
  Drawing(const Recording& recording, const Judgement& judgement)
      : recording_(recording), judgement_(judgement), layout_(LayOut(recording, judgement)) {}

  std::string Draw(std::string_view style) {
    text_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-label=\"the contradiction, call by "
        "call\">\n",
        layout_.width, layout_.height);
    if (!style.empty()) {
      text_ += fmt::format(
          "<style>{}svg{{background:var(--page)}}</style>\n"
          "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--page)\"/>\n",
          style);
    }
    DrawLanes();
    DrawAxis();
    DrawMeetings();
    for (const Bar& bar : layout_.bars) DrawBar(bar);
    text_ += "</svg>\n";
    return std::move(text_);
  }

 private:
  void DrawLanes() {
    for (const LaneBand& lane : layout_.lanes) {
      Add("<rect class=\"lane\" x=\"0\" y=\"{:.1f}\" width=\"100%\" height=\"{:.1f}\"/>",
          lane.top + 1, lane.height - 2);
      Add("<text class=\"name\" x=\"16\" y=\"{:.1f}\">{}</text>", lane.top + 24,
          EscapeXml(recording_.lanes[lane.lane]));
      Add("<text class=\"faint\" x=\"16\" y=\"{:.1f}\">{}</text>", lane.top + 39, lane.what);
    }
  }

  void DrawAxis() {
    Add("<text class=\"faint\" x=\"16\" y=\"18\">time, {}</text>", layout_.unit);
    double free_from = 0;
    for (const auto& [time, x] : layout_.axis.moments()) {
      Add("<line class=\"rule\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"30\" y2=\"{1:.1f}\"/>", x,
          layout_.height - 16);
      const std::string label = TimeText(recording_, time);
      if (x < free_from) continue;
      Add("<text class=\"faint\" x=\"{:.1f}\" y=\"18\">{}</text>", x, label);
      free_from = x + TextWidth(label) + 10;
    }
    for (double x : layout_.axis.cuts()) {
      Add("<line class=\"cut\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"24\" y2=\"{1:.1f}\"/>", x,
          layout_.height - 16);
      Add("<text class=\"faint\" x=\"{:.1f}\" y=\"34\" text-anchor=\"middle\">≈</text>", x);
    }
  }

  // The windows that calls of the core share with others.
  void DrawMeetings() {
    for (const Bar& core : layout_.bars) {
      if (FindInCore(judgement_, core.call) == nullptr) continue;
      for (const Bar& other : layout_.bars) {
        const double left = std::max(core.left, other.left);
        const double right = std::min(core.right, other.right);
        if (other.call == core.call || left >= right) continue;
        Add("<rect class=\"meet\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>",
            left, std::min(core.top, other.top) + kBarTop, right - left,
            std::max(core.top, other.top) - std::min(core.top, other.top) + kBarHeight);
      }
    }
  }

  void DrawBar(const Bar& bar) {
    const RecordedCall& call = recording_.calls[bar.call];
    const CoreCall* core = FindInCore(judgement_, bar.call);
    const bool is_guest = call.op.kind == model::Kind::kAccess || call.op.kind == model::Kind::kRun;
    const double y = bar.top + kBarTop, width = std::max(bar.right - bar.left, 3.0);
    Add("<g><title>{}\n{} .. {} {}</title>",
        EscapeXml(call.text.empty() ? CallText(call) : call.text), TimeText(recording_, call.begin),
        call.returned ? TimeText(recording_, call.end) : "never returned", layout_.unit);
    Add("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>", bar.left, y - 5,
        core != nullptr ? " class=\"why\"" : "", EscapeXml(bar.label));
    Add("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" "
        "rx=\"3\"/>",
        core != nullptr ? "core"
        : is_guest      ? "guest"
                        : "bar",
        bar.left, y, width, kBarHeight);
    DrawPhases(bar, y);
    if (!call.returned) DrawHang(bar.right, y);
    DrawSightings(bar, y);
    if (core != nullptr) DrawReason(bar, *core, y);
    text_ += "</g>\n";
  }

  // An update: from the moment by which it had marked its slot, and by which the new layout was in
  // force.
  void DrawPhases(const Bar& bar, double y) {
    double marked = bar.right, replaced = bar.right;
    for (const StoryStep& step : judgement_.story) {
      if (step.call != bar.call || step.latest == UINT64_MAX) continue;
      if (step.move == Move::kInvalidate) marked = layout_.axis.X(step.latest);
      if (step.move == Move::kReplace) replaced = layout_.axis.X(step.latest);
    }
    DrawPhase("marked", Describe(model::Phase::kInvalidated), marked, replaced, y);
    DrawPhase("new", "new layout in force", replaced, bar.right, y);
  }
  void DrawPhase(std::string_view style, std::string_view what, double from, double to, double y) {
    if (to - from < 3) return;
    Add("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\">"
        "<title>by here at the latest: {}</title></rect>",
        style, from, y + 3, to - from, kBarHeight - 6, what);
  }

  void DrawHang(double right, double y) {
    Add("<path class=\"hang\" d=\"M{0:.1f} {1:.1f}l5 4.7l-5 4.7l5 4.6\"/>", right, y);
  }

  void DrawSightings(const Bar& bar, double y) {
    for (const Sighting& sighting : recording_.sightings) {
      if (sighting.call != bar.call) continue;
      const double x = layout_.axis.X(sighting.time), middle = y + kBarHeight / 2;
      Add("<path class=\"seen\" d=\"M{:.1f} {:.1f}l5 5l-5 5l-5 -5z\"><title>seen: "
          "{}</title></path>",
          x, middle - 5, Describe(sighting.phase));
      if (FindInCore(judgement_, bar.call) != nullptr) continue;
      Add("<text class=\"faint\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x, y + kBarHeight + 12,
          SightingText(sighting));
    }
  }

  void DrawReason(const Bar& bar, const CoreCall& core, double y) {
    Add("<text class=\"why\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", bar.left, y + kBarHeight + 12,
        EscapeXml(ReasonText(core)));
  }

  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  const Recording& recording_;
  const Judgement& judgement_;
  const Layout layout_;
  std::string text_;
};

std::string ClauseCards(const Judgement& judgement) {
  std::string text;
  for (const std::string& id : judgement.Clauses()) {
    const Clause* clause = FindClause(id);
    if (clause == nullptr) continue;
    text += fmt::format(
        "<div class=\"clause\"><b>{}</b> {}<br><span>{}</span> <span "
        "class=\"sub\">({})</span></div>\n",
        id, EscapeXml(clause->title), EscapeXml(clause->claim), Name(clause->standing));
  }
  return text;
}

std::string Key() {
  constexpr std::pair<std::string_view, std::string_view> kRows[] = {
      {"background:var(--corebar);outline:2px solid var(--core)", "can't be explained"},
      {"background:var(--bar)", "call of the host"},
      {"background:var(--guest)", "guest"},
      {"background:var(--marked)", "slot marked, by then at the latest"},
      {"background:var(--new)", "new layout in force, by then at the latest"},
      {"background:var(--meet);opacity:.4", "ran at the same time"},
  };
  std::string text = "<p class=\"key\">";
  for (const auto& [style, what] : kRows) {
    text += fmt::format("<span><i style=\"{}\"></i>{}</span>", style, what);
  }
  return text + "<span>◆ seen there</span><span>≈ time left out</span></p>\n";
}

}  // namespace

std::string SvgPicture(const Recording& recording, const Judgement& judgement) {
  KCT_CHECK(judgement.answer == Answer::kContradicted);
  return Drawing(recording, judgement).Draw(kColours);
}

std::string HtmlPicture(const Recording& recording, const Judgement& judgement) {
  KCT_CHECK(judgement.answer == Answer::kContradicted);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<title>{0}: contradicted</title>\n<style>{1}{2}</style></head>\n<body>\n"
      "<h1>{0}</h1>\n<p class=\"sub\">kernel {3}, seed {4:#x}: what happened has no explanation in "
      "the model</p>\n{5}<h2>What happened</h2>\n<div class=\"picture\">\n{6}</div>\n{7}"
      "<h2>In words</h2>\n<pre>{8}</pre>\n</body></html>\n",
      EscapeXml(recording.test), kColours, kPageStyle, EscapeXml(recording.kernel), recording.seed,
      ClauseCards(judgement), Drawing(recording, judgement).Draw(""), Key(),
      EscapeXml(Explain(recording, judgement)));
}

}  // namespace kct
