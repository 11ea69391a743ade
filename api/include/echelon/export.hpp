/// @file
/// What the shared library shows. Everything public lies in namespace `echelon`.
#pragma once

/// Marks what other programs may link against.
#define ECHELON_API __attribute__((visibility("default")))
