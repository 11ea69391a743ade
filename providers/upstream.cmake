# Sources of the transports and the simulator.
target_sources(echelon_upstream PRIVATE
  http_transport.cpp
  http_transport_connect.cpp
  http_transport_connection.cpp
  http_transport_decode.cpp
  http_transport_dial.cpp
  http_transport_exchange.cpp
  http_transport_head.cpp
  http_transport_lookup.cpp
  http_transport_origin.cpp
  http_transport_pool.cpp
  http_transport_proxy.cpp
  http_transport_shortage.cpp
  simulator/call.cpp
  simulator/engine.cpp
  simulator/render.cpp
  simulator/render_openai.cpp
  simulator/render_others.cpp
  simulator/run.cpp
  simulator/script.cpp
  simulator/script_yaml.cpp
  simulator/server.cpp
  simulator/session.cpp
  simulator/transport.cpp
  time_limit.cpp)
target_link_libraries(echelon_upstream PRIVATE yaml-cpp)
