#include "tokens.h"

extern const StreamTable avx512_stream;
const StreamTable avx512_stream{"avx512", STREAM_FUNCTIONS, TOKEN_FUNCTIONS};
