#include "stream.h"

extern const StreamTable avx2_stream;
const StreamTable avx2_stream{"avx2", stream_packed_bytes, stream_pack, stream_room_bytes, stream_run};
