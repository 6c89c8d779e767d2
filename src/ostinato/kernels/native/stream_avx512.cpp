#include "stream.h"

extern const StreamTable avx512_stream;
const StreamTable avx512_stream{"avx512", stream_packed_bytes, stream_pack, stream_room_bytes, stream_run};
