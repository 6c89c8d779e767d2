#include "sequence.h"

extern const SequenceTable portable_sequence;
const SequenceTable portable_sequence{"portable", SEQUENCE_FUNCTIONS};
