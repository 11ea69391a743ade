#include "gzip.hpp"

#include <zlib.h>

#include <new>

namespace echelon::test {

std::string compress(std::string_view text, coding how) {
  z_stream z{};
  const int bits = how == coding::gzip ? 31 : how == coding::zlib ? 15 : -15;
  if (deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc{};
  std::string input{text};
  std::string out(deflateBound(&z, static_cast<uLong>(input.size())) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(input.data());
  z.avail_in = static_cast<uInt>(input.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

} // namespace echelon::test
