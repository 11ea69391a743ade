// Settings of jemalloc, which reads this name when the program starts (jemalloc(3), TUNING).

extern "C" {
// Freed memory goes back to the system after seconds, by a thread of jemalloc's own.
[[gnu::used]] const char* malloc_conf =
    "background_thread:true,dirty_decay_ms:3000,muzzy_decay_ms:0";
}
