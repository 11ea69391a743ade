# Writes OUTPUT, a C++ file that holds FILES (a list separated by |) byte for byte as echelon::gateway::assets().
set(arrays "")
set(table "")
set(number 0)
string(REPLACE "|" ";" FILES "${FILES}")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  get_filename_component(extension "${file}" LAST_EXT)
  set(type_.html "text/html; charset=utf-8")
  set(type_.css "text/css; charset=utf-8")
  set(type_.js "text/javascript; charset=utf-8")
  set(type_.svg "image/svg+xml")
  file(READ "${file}" bytes HEX)
  file(SHA256 "${file}" digest)
  string(SUBSTRING "${digest}" 0 16 digest)
  string(LENGTH "${bytes}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char file_${number}[] = {${bytes}};\n")
  string(APPEND table "  {\"${name}\", \"${type_${extension}}\", \"\\\"${digest}\\\"\", {file_${number}, ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"gateway/dashboard/dashboard.hpp\"

namespace echelon::gateway {
namespace {
${arrays}
constexpr dashboard_file all[] = {
${table}};
} // namespace

std::span<const dashboard_file> dashboard_files() {
  return all;
}

} // namespace echelon::gateway
")
