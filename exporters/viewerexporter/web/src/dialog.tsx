// A dialog of the browser's own: focus stays in it, Escape closes it.

import { useEffect, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { visible } from './text.ts';

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-label={visible(props.title)}
      onClose={props.onClose}
      onClick={(e) => e.target === dialog.current && dialog.current?.close()}
    >
      <header>
        <h2>{visible(props.title)}</h2>
        <button class="plain" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </header>
      <div class="dialog-body" tabIndex={0} role="group" aria-label={visible(props.title)}>
        {props.children}
      </div>
    </dialog>
  );
}
