#include "sequence.h"

extern const SequenceTable avx2_sequence;
const SequenceTable avx2_sequence{"avx2", SEQUENCE_FUNCTIONS};
