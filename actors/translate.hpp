/// Between what the dispatcher decides and what travels to the actors.
#pragma once

#include "messages/admission.hpp"
#include "policy/dispatch.hpp"

namespace echelon::actors {

[[nodiscard]] messages::admit_request to_message(const policy::ask_admission& x);
[[nodiscard]] messages::report_outcome to_message(const policy::actor_release& x);
[[nodiscard]] policy::admission_answer to_answer(messages::admit_reply&& x);

} // namespace echelon::actors
