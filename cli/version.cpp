#include "cli/commands.hpp"

#include "commit.hpp"

namespace echelon::cli {

std::string version() {
  std::string of = ECHELON_COMMIT;
  if (!of.empty()) of = "commit " + of + ", ";
  return std::string{"echelon "} + ECHELON_VERSION + " (" + of + ECHELON_COMPILER + ", "
         + ECHELON_BUILD + ')';
}

} // namespace echelon::cli
