/**
 * What a project's compatibility date and flags decide. A flag wins over the date; `no_` or the old
 * behaviour's own name switches off what the date would switch on, as in the reference.
 */
export interface Compatibility {
  /** Binary frames arrive as Blob at `accept()`ed sockets; before, as ArrayBuffer. */
  readonly blobFrames: boolean
  /** An `accept()`ed socket answers a Close frame by itself before its close event. */
  readonly autoReplyToClose: boolean
  /** A close reason of more than 123 bytes is refused. */
  readonly limitsCloseReason: boolean
  /** A listener that throws does not keep those behind it from being called. */
  readonly dispatchesDespiteErrors: boolean
  /** `deleteAll()` deletes the alarm too. */
  readonly deleteAllDeletesAlarm: boolean
  /** Stubs in arguments of RPC calls stay the caller's; before, they became the callee's. */
  readonly duplicatesStubs: boolean
  /** Own properties of errors travel with them. */
  readonly enhancedErrors: boolean
  /** `workerd:unsafe` can be imported. */
  readonly unsafeModule: boolean
  /** `ctx.exports` is there. */
  readonly ctxExports: boolean
}

/** @param date `YYYY-MM-DD` */
export function compatibilityOf(date: string, flags: readonly string[]): Compatibility {
  const since = (from: string, on: string, off: string): boolean =>
    flags.includes(on) || (date >= from && !flags.includes(off))
  return {
    blobFrames: since(
      '2026-03-17',
      'websocket_standard_binary_type',
      'no_websocket_standard_binary_type',
    ),
    autoReplyToClose: since(
      '2026-04-07',
      'web_socket_auto_reply_to_close',
      'web_socket_manual_reply_to_close',
    ),
    limitsCloseReason: since(
      '2026-03-03',
      'websocket_close_reason_byte_limit',
      'no_websocket_close_reason_byte_limit',
    ),
    dispatchesDespiteErrors: since(
      '2026-09-15',
      'spec_compliant_dispatch_exceptions',
      'no_spec_compliant_dispatch_exceptions',
    ),
    deleteAllDeletesAlarm: since(
      '2026-02-24',
      'delete_all_deletes_alarm',
      'delete_all_preserves_alarm',
    ),
    duplicatesStubs: since('2026-01-20', 'rpc_params_dup_stubs', 'rpc_params_transfer_stubs'),
    unsafeModule: flags.includes('unsafe_module'),
    enhancedErrors: since(
      '2026-04-21',
      'enhanced_error_serialization',
      'legacy_error_serialization',
    ),
    ctxExports: since('2025-11-17', 'enable_ctx_exports', 'disable_ctx_exports'),
  }
}

/** Today's behaviour, for code that belongs to no project. */
export const newestCompatibility: Compatibility = compatibilityOf('9999-12-31', [])
