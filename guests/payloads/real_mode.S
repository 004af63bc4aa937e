// SPDX-License-Identifier: GPL-2.0-only
// real_mode: carries out the list of Op16 at GUEST16_OPS_GPA, reads and writes of one word each.
//
// On entry   real mode; CS = DS = SS = 0; IF=0; SP = GUEST16_STACK_TOP
// On exit    OUT of 0 to GUEST_DONE_PORT, then HLT for ever. An operation it does not know:
//            OUT of its code to GUEST_PANIC_PORT, then the same
#include "guest/abi.h"

        .code16
        .section .text.entry, "ax"
        .globl  guest_entry
guest_entry:
        mov     $GUEST16_OPS_GPA, %si
next:
        mov     (%si), %ax                      // Op16::code
        mov     2(%si), %es                     // Op16::segment
        mov     4(%si), %di                     // Op16::offset
        cmp     $GUEST16_END, %ax
        je      done
        cmp     $GUEST16_READ, %ax
        je      read
        cmp     $GUEST16_WRITE, %ax
        je      write
        movzwl  %ax, %eax
        mov     $GUEST_PANIC_PORT, %dx
        out     %eax, %dx
        jmp     halt
read:
        mov     %es:(%di), %ax
        mov     %ax, 6(%si)                     // Op16::value
        jmp     advance
write:
        mov     6(%si), %ax
        mov     %ax, %es:(%di)
advance:
        add     $GUEST16_OP_SIZE, %si
        jmp     next
done:
        xor     %eax, %eax
        mov     $GUEST_DONE_PORT, %dx
        out     %eax, %dx
halt:
        hlt
        jmp     halt

        .section .note.GNU-stack, "", @progbits
