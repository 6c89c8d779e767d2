#include "tokens.h"

extern const StreamTable portable_stream;
const StreamTable portable_stream{"portable", STREAM_FUNCTIONS, TOKEN_FUNCTIONS};
