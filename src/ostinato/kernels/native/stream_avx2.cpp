#include "tokens.h"

extern const StreamTable avx2_stream;
const StreamTable avx2_stream{"avx2", STREAM_FUNCTIONS, TOKEN_FUNCTIONS};
