// Single steps: of stacked layers, and of a language model.
#include "instruction_set.h"
#include "token_step.h"

extern const StreamTable NAMED(stream);
const StreamTable NAMED(stream){INSTRUCTION_SET_NAME,
                                stream_packed_bytes,
                                stream_pack,
                                stream_workspace_bytes,
                                stream_run,
                                dense_bytes,
                                dense_pack,
                                tokens_workspace_bytes,
                                tokens_run};
