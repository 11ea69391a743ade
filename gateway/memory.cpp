#include "gateway/memory.hpp"

#include <cstddef>
#include <malloc.h>

// Of jemalloc, which the router's own program is linked with and others that use this may not be.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size,
                                     void* fresh, std::size_t fresh_size);

namespace echelon::gateway {

void return_free_memory() {
  if (mallctl == nullptr) {
    malloc_trim(0);
    return;
  }
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0); // MALLCTL_ARENAS_ALL: every arena.
}

} // namespace echelon::gateway
