/// @file
/// The embedding library. For CAF and Asio see echelon/caf.hpp and echelon/asio.hpp.
#pragma once

#include <echelon/client.hpp>
#include <echelon/config.hpp>
#include <echelon/error.hpp>
#include <echelon/extensions.hpp>
#include <echelon/factory.hpp>
#include <echelon/types.hpp>
