#include "cluster/board.hpp"

#include "config/topology.hpp"

#include <catch2/catch.hpp>

using namespace echelon;

TEST_CASE("a process does not take the one before it for another node", "[board]") {
  config::RouterConfig c;
  c.models["m"].name = c.models["m"].model = "m";
  const auto topology = config::make_topology(c);
  const auto model = policy::id_of("model/m");
  cluster::board map;
  messages::view v;
  v.epoch = 1;
  v.members = {{"a", 1, "a:1", 1}};
  map.set_topology(topology);
  map.set_view(v);
  map.set_self({"a", 1, "a:1", 1});
  CHECK(map.to(model).own);
  map.set_self({"a", 2, "a:1", 2});
  const auto way = map.to(model);
  CHECK_FALSE(way.own);
  CHECK_FALSE(way.desk);
}
