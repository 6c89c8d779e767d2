#include "stream.h"

extern const StreamTable vnni_stream;
const StreamTable vnni_stream{"avx512-vnni", stream_packed_bytes, stream_pack, stream_room_bytes, stream_run};
