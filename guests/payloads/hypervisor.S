// SPDX-License-Identifier: GPL-2.0-only
// hypervisor: runs the guest that a control block describes, on the vCPU that it runs on itself,
// and serves its hypercalls (guest/svm.h). It uses no register of its guest's but RAX, no stack and
// no memory besides the control block.
//
// On entry   64-bit mode, EFER.SVME, IF=0; RBX = address of the control block, RSI = a page for the
//            CPU to save the host's state in. RDI and GS are the guest's from the start
// On exit    never. OUT to GUEST_HYPERVISOR_PORT when the guest has left for anything but a
//            hypercall; then the guest goes on where it was
#include "guest/svm.h"

        .code64
        .section .text.entry, "ax"
        .globl  guest_entry
guest_entry:
        mov     $GUEST_MSR_VM_HSAVE_PA, %ecx
        mov     %rsi, %rax
        mov     %rsi, %rdx
        shr     $32, %rdx
        wrmsr
        mov     %rbx, %rax
run:
        vmrun   %rax
        stgi
        movb    $0, GUEST_VMCB_TLB_CONTROL(%rax)
        cmpq    $GUEST_EXIT_VMMCALL, GUEST_VMCB_EXIT_CODE(%rax)
        jne     other
        addq    $3, GUEST_VMCB_RIP(%rax)        // the length of VMMCALL
        cmpq    $GUEST_CALL_FLUSH, GUEST_VMCB_RAX(%rax)
        je      flush
        cmpq    $GUEST_CALL_NEW_ASID, GUEST_VMCB_RAX(%rax)
        je      new_asid
        cmpq    $GUEST_CALL_INVALIDATE, GUEST_VMCB_RAX(%rax)
        je      invalidate
        cmpq    $GUEST_CALL_STORE, GUEST_VMCB_RAX(%rax)
        jne     run
        mov     %rcx, (%rbx)
        jmp     run
flush:
        movb    $GUEST_VMCB_FLUSH_ALL, GUEST_VMCB_TLB_CONTROL(%rax)
        jmp     run
new_asid:
        incl    GUEST_VMCB_ASID(%rax)
        jmp     run
invalidate:
        xchg    %rax, %rbx                      // INVLPGA takes its address in RAX
        invlpga %rax, %ecx
        xchg    %rax, %rbx
        jmp     run
other:
        out     %al, $GUEST_HYPERVISOR_PORT
        jmp     run

        .section .note.GNU-stack, "", @progbits
