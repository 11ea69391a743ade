/// How the fronts read their bodies.
#pragma once

#include "engine/body_reader.hpp"
#include "gateway/front/front.hpp"

namespace echelon::gateway {

using engine::bad_request;
using engine::invalid;
using engine::object_reader;
using engine::parse_object;
using engine::reading;
using engine::unsupported;

} // namespace echelon::gateway
