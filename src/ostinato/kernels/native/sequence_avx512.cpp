#include "sequence.h"

extern const SequenceTable avx512_sequence;
const SequenceTable avx512_sequence{"avx512", SEQUENCE_FUNCTIONS};
