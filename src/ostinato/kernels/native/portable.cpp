#include "table.h"

extern const Table portable_table;
const Table portable_table{"portable", forward, backward, packed_size, CHUNK, multiply_matrices, product_room, cross_entropies};
