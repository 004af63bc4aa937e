// SPDX-License-Identifier: GPL-2.0-only
// Entry, exception stubs and recovery for payloads that the host starts in 64-bit mode.
//
// On entry   CR0.PG=1, CR4.PAE=1, EFER.LMA=1; flat segments; GPA = GVA; IF=0
//            RDI = GS base = the vCPU's area (guest/abi.h); RSP = top of its stack
//            GDT, IDT and page tables are in place, written by the host
// On exit    never returns: GuestMain() ends with OUT to GUEST_DONE_PORT
#include "guest/abi.h"

        .section .text.entry, "ax"
        .globl  guest_entry
guest_entry:
        xor     %ebp, %ebp                      // end of the frame chain
        call    GuestMain
        ud2                                     // GuestMain is [[noreturn]]

// One stub for each vector, GUEST_STUB_SIZE apart: it pushes an error code where the CPU has
// pushed none, then the vector.
        .section .text.stubs, "ax"
vector = 0
        .rept   GUEST_VECTORS
        .balign GUEST_STUB_SIZE
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
        push    $0
        .endif
        push    $vector
        jmp     exception
vector = vector + 1
        .endr

        .text
// Notes the exception in the mailbox, then makes GuestGuarded() return 1. What the interrupted
// operation had in registers is lost on purpose.
exception:
        pop     %rax
        mov     %rax, %gs:GUEST_FAULT_VECTOR
        pop     %rax
        mov     %rax, %gs:GUEST_FAULT_ERROR
        mov     (%rsp), %rax
        mov     %rax, %gs:GUEST_FAULT_RIP
        mov     %cr2, %rax
        mov     %rax, %gs:GUEST_FAULT_CR2
        cld
        mov     %gs:GUEST_RECOVERY_RSP, %rax
        test    %rax, %rax
        jz      panic
        mov     %rax, %rsp
        mov     $1, %eax
        jmp     recovered

panic:
        mov     %gs:GUEST_FAULT_VECTOR, %rax
        mov     $GUEST_PANIC_PORT, %edx
        out     %eax, %dx
        jmp     panic

// int GuestGuarded(void (*function)(const Op&, OpResult&), const Op&, OpResult&)
// Calls function. 0: it returned; 1: an exception ended it.
        .globl  GuestGuarded
GuestGuarded:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp                        // 16-byte alignment at the call
        mov     %rsp, %gs:GUEST_RECOVERY_RSP
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        call    *%rax
        xor     %eax, %eax
recovered:
        movq    $0, %gs:GUEST_RECOVERY_RSP
        add     $8, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

        .section .note.GNU-stack, "", @progbits
