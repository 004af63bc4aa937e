// SPDX-License-Identifier: GPL-2.0-only
// smm: carries out the order at GUEST_SMM_ORDER, a write or a read of 4 bytes, and goes back.
//
// On entry   as after a system management interrupt: 16-bit code, paging off, CS:0 = SMBASE, data
//            segments from 0 on without a limit
// On exit    RSM
#include "guest/smm.h"

        .code16
        .section .text.entry, "ax"
        .globl  guest_entry
guest_entry:
        movl    %cs:GUEST_SMM_ADDRESS, %edi
        cmpl    $GUEST_SMM_READ, %cs:GUEST_SMM_ORDER
        je      read
        movl    %cs:GUEST_SMM_VALUE, %eax
        movl    %eax, (%edi)
        rsm
read:
        movl    %cs:GUEST_SMM_CR3, %eax
        movl    %eax, %cr3
        movl    $0x10, %eax                     // CR4.PSE
        movl    %eax, %cr4
        movl    %cr0, %esi
        movl    %esi, %eax
        orl     $0x80000001, %eax               // CR0.PG, CR0.PE
        movl    %eax, %cr0
        movl    (%edi), %ebx
        movl    %esi, %cr0
        movl    %ebx, %cs:GUEST_SMM_VALUE
        rsm

        .section .note.GNU-stack, "", @progbits
