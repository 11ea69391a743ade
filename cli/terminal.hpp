/// What we may do with a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echelon::cli {

/// Whether `descriptor` is a terminal that shows colours, and nobody asked for none (NO_COLOR is
/// not empty, https://no-color.org, or TERM is `dumb`).
[[nodiscard]] bool colours(int descriptor);

enum class colour { none, red, green, yellow, dim, bold };
/// `text` in a colour, if `on`.
[[nodiscard]] std::string painted(std::string_view text, colour x, bool on);

struct terminal_size {
  std::size_t columns = 80, rows = 24;
};
/// Of the terminal behind `descriptor`; the default if it is none, or does not say.
[[nodiscard]] terminal_size size_of_terminal(int descriptor);

/// While one of these lives, SIGINT interrupts what waits instead of ending the process.
class interrupts {
public:
  interrupts();
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

  /// Whether one came since it was made or asked last.
  [[nodiscard]] bool take();
  [[nodiscard]] bool pending() const;
  /// Readable once one came, until take(). For poll().
  [[nodiscard]] int descriptor() const;
  /// Waits so long, or for one. @returns True: one came; take() tells of it again.
  [[nodiscard]] bool wait(int milliseconds) const;
};

} // namespace echelon::cli
