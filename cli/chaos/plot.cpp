// The time-line of an experiment as SVG, and the page around it.
#include "cli/chaos/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace echelon::cli {
namespace {

// Pixels.
constexpr double left = 130, width = 850, top = 24, tall = 200, low = 90, row = 16, gap = 34;

constexpr std::array fates{fate::answered, fate::refused, fate::cut_off, fate::lost};
constexpr std::array fate_names{"answered", "refused", "cut off with their router", "lost"};
constexpr std::array colours{"#2e8b57", "#e0a030", "#8899aa", "#d02020"};

struct bucket {
  std::array<double, fates.size()> counts{};
  double slowest = 0; ///< Seconds, of answered ones.
  [[nodiscard]] double sum() const { return counts[0] + counts[1] + counts[2] + counts[3]; }
};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '<'   ? "&lt;"
           : c == '>' ? "&gt;"
           : c == '&' ? "&amp;"
           : c == '"' ? "&quot;"
                      : std::string(1, c);
  return out;
}

class plot {
public:
  explicit plot(const chaos_report& of) : of_(of) {
    length_ = of.of.seconds;
    for (const auto& r : of.requests)
      length_ = std::max(length_, r.ended);
    const auto n = static_cast<std::size_t>(std::clamp(length_, 1.0, 212.0));
    buckets_.resize(n);
    for (const auto& r : of.requests) {
      auto& b = buckets_[std::min(n - 1, static_cast<std::size_t>(r.ended * scale()))];
      b.counts[static_cast<std::size_t>(r.became)] += scale();
      if (r.became == fate::answered) b.slowest = std::max(b.slowest, r.ended - r.sent);
    }
    for (const auto& s : of.strikes)
      if (std::find(kinds_.begin(), kinds_.end(), s.what.what) == kinds_.end())
        kinds_.push_back(s.what.what);
    std::sort(kinds_.begin(), kinds_.end());
  }

  std::string draw() {
    const auto height =
        top + tall + gap + low + gap + row * static_cast<double>(kinds_.size()) + 40;
    out_ = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1000 {:.0f}\" "
                       "font-family=\"sans-serif\" font-size=\"11\">\n"
                       "<rect width=\"1000\" height=\"{:.0f}\" fill=\"#ffffff\"/>\n",
                       height, height);
    legend();
    requests();
    latencies();
    strikes();
    axis(height - 24);
    return out_ + "</svg>\n";
  }

private:
  [[nodiscard]] double scale() const { return static_cast<double>(buckets_.size()) / length_; }
  [[nodiscard]] double x_of(double seconds) const { return left + width * seconds / length_; }

  void text(double x, double y, const char* anchor, const std::string& what) {
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
                        anchor, escaped(what));
  }

  void box(double x, double y, double w, double h, const char* colour) {
    out_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
                        "fill=\"{}\"/>\n",
                        x, y, w, h, colour);
  }

  void legend() {
    double x = left;
    for (std::size_t i = 0; i < fates.size(); ++i) {
      box(x, 6, 10, 10, colours[i]);
      const auto label = fmt::format("{} ({})", fate_names[i], of_.count(fates[i]));
      text(x + 14, 15, "start", label);
      x += 40 + 6.0 * static_cast<double>(label.size());
    }
  }

  void requests() {
    double most = 1;
    for (const auto& b : buckets_)
      most = std::max(most, b.sum());
    const auto w = width / static_cast<double>(buckets_.size());
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      double y = top + tall;
      for (std::size_t k = 0; k < fates.size(); ++k) {
        const auto h = tall * buckets_[i].counts[k] / most;
        if (h <= 0) continue;
        y -= h;
        box(left + w * static_cast<double>(i), y, w, h, colours[k]);
      }
    }
    text(left - 6, top + 8, "end", fmt::format("{:.0f}", most));
    text(left - 6, top + tall / 2, "end", "requests per s");
    text(left - 6, top + tall, "end", "0");
  }

  void latencies() {
    double most = 0.001;
    for (const auto& b : buckets_)
      most = std::max(most, b.slowest);
    const auto base = top + tall + gap + low;
    const auto w = width / static_cast<double>(buckets_.size());
    std::string points;
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      points += fmt::format("{:.1f},{:.1f} ", left + w * (static_cast<double>(i) + 0.5),
                            base - low * buckets_[i].slowest / most);
    out_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"#3060c0\"/>\n", points);
    text(left - 6, base - low + 8, "end", fmt::format("{:.2f} s", most));
    text(left - 6, base - low / 2, "end", "slowest answer");
    text(left - 6, base, "end", "0");
  }

  void strikes() {
    auto y = top + tall + gap + low + gap - row;
    for (const auto* kind : kinds_) {
      y += row;
      std::size_t dealt = 0;
      for (const auto& s : of_.strikes) {
        if (s.what.what != kind || !s.failed.empty()) continue;
        ++dealt;
        box(x_of(s.began), y - 9, std::max(0.8, x_of(s.ended) - x_of(s.began)), 11, "#803090");
      }
      text(left - 6, y, "end", fmt::format("{} ({})", kind->name, dealt));
    }
  }

  void axis(double y) {
    for (int i = 0; i <= 10; ++i) {
      const auto at = length_ * i / 10;
      text(x_of(at), y, "middle", fmt::format("{:.0f} s", at));
    }
  }

  const chaos_report& of_;
  double length_ = 1;
  std::vector<bucket> buckets_;
  std::vector<const fault_kind*> kinds_;
  std::string out_;
};

} // namespace

std::string chaos_svg(const chaos_report& x) {
  return plot{x}.draw();
}

std::string chaos_html(const chaos_report& x) {
  return fmt::format("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<title>echelon chaos</title><style>body{{font-family:sans-serif;max-width:"
                     "64em;margin:2em auto}}pre{{background:#f4f4f4;padding:1em;overflow:auto}}"
                     "</style></head><body>\n<h1>echelon chaos: {}</h1>\n{}<pre>{}</pre>\n"
                     "</body></html>\n",
                     x.good() ? "good" : "NOT GOOD", chaos_svg(x), escaped(chaos_text(x)));
}

} // namespace echelon::cli
