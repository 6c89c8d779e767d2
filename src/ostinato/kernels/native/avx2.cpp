#include "table.h"

extern const Table avx2_table;
const Table avx2_table{"avx2", forward, backward, packed_size, CHUNK, multiply_matrices, product_room, cross_entropies};
