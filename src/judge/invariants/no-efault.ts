import { flags as f } from '../../core/index';
import { invariant } from '../invariant';
import { vmaAt, wantsSigbus } from '../world';

const EFAULT = -14;
const kernelAccess = new Set(['sys_read', 'sys_write', 'gup_write']);

export default invariant({
  id: 'no-efault',
  class: 'sigbus-loop',
  says: 'A system call that copies to or from memory that the program may use does not fail with EFAULT.',
  source: 'read(2), process_vm_writev(2); arch/x86/mm/fault.c:__do_page_fault() in kernel mode',
  at: 'return',
  check(h) {
    if (!kernelAccess.has(h.name) || h.result !== EFAULT) return null;
    if (wantsSigbus(h.mm, h.start)) return null;
    const vma = vmaAt(h.mm, h.start);
    // get_user_pages() takes no pages of devices: check_vma_flags().
    if (h.name === 'gup_write' && vma && vma.vm_flags & (f.VM_IO | f.VM_PFNMAP)) return null;
    const need = h.name === 'sys_write' ? f.VM_READ : f.VM_WRITE;
    return vma && vma.vm_flags & need ? `${h.name} failed with EFAULT` : null;
  },
});
