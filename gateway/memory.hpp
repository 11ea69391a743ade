/// The memory of this process beyond what C++ says of it.
#pragma once

namespace echelon::gateway {

/// Gives memory that was freed back to the system. Takes milliseconds: for idle moments.
void return_free_memory();

} // namespace echelon::gateway
