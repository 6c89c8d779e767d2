#include "stream.h"

extern const StreamTable portable_stream;
const StreamTable portable_stream{"portable", stream_packed_bytes, stream_pack, stream_room_bytes, stream_run};
