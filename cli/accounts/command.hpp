/// `echelon keys` and `echelon usage`: on a store, or through the admin API of a running router.
#pragma once

namespace CLI {
class App;
}

namespace echelon::cli {

/// Adds both; each sets `code`: 0 done, 1 refused, 2 neither store nor router can be reached.
void add_accounts_commands(CLI::App& app, int& code);

} // namespace echelon::cli
