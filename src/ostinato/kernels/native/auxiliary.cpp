// The kernels beside the recurrence: the CRF, the features of a word's characters, dropout, lazy
// Adam.
#include "char_features.h"
#include "crf.h"
#include "dropout.h"
#include "instruction_set.h"
#include "lazy_adam.h"

extern const AuxiliaryTable NAMED(auxiliary);
const AuxiliaryTable NAMED(auxiliary){
    INSTRUCTION_SET_NAME,   crf_forward, crf_backward, char_features_forward,
    char_features_backward, affixes,     lazy_adam,    dropout};
