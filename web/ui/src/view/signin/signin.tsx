// The door: paste a token. A sign-in link skips this page.

import { useRef } from 'preact/hooks';
import { providers, signIn } from '../../intent/session';
import { signingIn } from '../../model/store';
import { text } from '../../text/en';
import { messages } from '../../intent/messages';
import { Messages } from '../messages/messages';
import { Notice } from '../notice';
import { card, cls, primary } from '../parts/parts';
import css from './signin.module.css';

export function SignIn() {
  const field = useRef<HTMLTextAreaElement>(null);
  const go = (e: Event) => {
    e.preventDefault();
    void signIn(field.current?.value.trim() ?? '');
  };
  return (
    <main class={css['page']}>
      <div class={cls(card, css['box'])}>
        <div class={css['brand']}><img src="/icon.svg" alt="" />{text.product}</div>
        <h1>{text.signin.title}</h1>
        {providers.value.length > 0 && (
          <>
            <div class={css['providers']}>
              {providers.value.map((p) => (
                <a key={p.id} class={cls(primary, css['provider'])} href={p.path} data-testid={`signin-with-${p.id}`}>
                  {signingIn.value ? text.providers.busy : text.providers.with(p.name)}
                </a>
              ))}
            </div>
            <p class={css['or']}>{text.providers.or}</p>
          </>
        )}
        <p class={css['lead']}>{text.signin.lead}</p>
        <form class={css['form']} onSubmit={go}>
          <label for="token">{text.signin.token}</label>
          <textarea
            id="token" ref={field} data-testid="signin-token" rows={4} spellcheck={false} autocomplete="off"
            onKeyDown={(e) => {
              if (e.key === 'Enter') go(e);
            }}
          />
          <button type="submit" class={primary} data-testid="signin" disabled={signingIn.value}>
            {signingIn.value ? text.signin.busy : text.signin.button}
          </button>
        </form>
        <Notice />
        {messages.value.length > 0 && <Messages />}
        <p class={css['hint']}>{text.signin.hint}</p>
      </div>
    </main>
  );
}
