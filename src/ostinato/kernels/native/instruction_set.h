// recurrence.cpp, step.cpp and auxiliary.cpp are compiled once for each instruction set, with
// -DINSTRUCTION_SET=avx2 and the flags that allow it (setup.py). NAMED(table) is then avx2_table,
// and INSTRUCTION_SET_NAME "avx2".
#pragma once
#ifndef INSTRUCTION_SET
#define INSTRUCTION_SET portable
#endif
#define JOINED_NOW(a, b) a##_##b
#define JOINED(a, b) JOINED_NOW(a, b)
#define NAMED(suffix) JOINED(INSTRUCTION_SET, suffix)
#define TEXT_NOW(a) #a
#define TEXT(a) TEXT_NOW(a)
#define INSTRUCTION_SET_NAME TEXT(INSTRUCTION_SET)
