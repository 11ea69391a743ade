# Sources of the wire formats: pure translation.
target_sources(echelon_wire PRIVATE
  adapters.cpp
  anthropic.cpp
  anthropic_messages.cpp
  anthropic_request.cpp
  anthropic_relay.cpp
  anthropic_stream.cpp
  chunks.cpp
  event_decoder.cpp
  gemini.cpp
  gemini_messages.cpp
  gemini_reader.cpp
  gemini_request.cpp
  gemini_schema.cpp
  json_read.cpp
  json_text.cpp
  key_ring.cpp
  openai.cpp
  openai_stream.cpp
  openai_verbatim.cpp
  plain_chat.cpp
  request_parts.cpp
  retry_after.cpp
  sealed_signature.cpp
  sse.cpp
  text.cpp
  wire_error.cpp)
