// What stands around a tagger's recurrence. Included by sequence_portable.cpp, sequence_avx2.cpp and sequence_avx512.cpp.
#pragma once
#include "adam_rows.h"
#include "chain.h"
#include "drop.h"
#include "spelled.h"

#define SEQUENCE_FUNCTIONS chain_forward, chain_backward, spelled_forward, spelled_backward, affixes, adam_rows, drop
