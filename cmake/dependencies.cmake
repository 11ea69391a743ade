find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CAF 0.17.6 REQUIRED COMPONENTS core io openssl)
find_package(Boost 1.81 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_library(ECHELON_PQXX pqxx REQUIRED)
find_library(ECHELON_PQ pq REQUIRED)
find_package(prometheus-cpp REQUIRED CONFIG)
if(PROJECT_IS_TOP_LEVEL)
  find_package(CLI11 REQUIRED)
  find_package(Catch2 2 REQUIRED)
  find_package(benchmark REQUIRED)
endif()

# Beast and Asio: header-only; Asio's separate compilation keeps each unit small.
add_library(echelon_net INTERFACE)
target_link_libraries(echelon_net INTERFACE Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(echelon_net INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8) # Frames of awaitables: a request has some twenty.

# A coroutine's frame holds types of unnamed namespaces; in a unity build GCC takes those for a header's.
if(CMAKE_UNITY_BUILD)
  target_compile_options(echelon_net INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

# GCC 12 takes the frame allocation of Asio's awaitables for a mismatched new/delete.
target_compile_options(echelon_net INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
