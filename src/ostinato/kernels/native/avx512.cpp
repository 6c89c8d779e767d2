#include "table.h"

extern const Table avx512_table;
const Table avx512_table{"avx512", forward, backward, packed_size, CHUNK, multiply_matrices, product_room, cross_entropies};
