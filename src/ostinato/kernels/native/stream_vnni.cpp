#include "tokens.h"

extern const StreamTable vnni_stream;
const StreamTable vnni_stream{"avx512-vnni", STREAM_FUNCTIONS, TOKEN_FUNCTIONS};
