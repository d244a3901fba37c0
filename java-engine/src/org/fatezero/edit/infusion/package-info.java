/**
 * InFusion (A. Khandelwal, ICCV workshops 2023, arXiv 2308.00135): features, then keys and values of the source, then FateZero's
 * fusion.
 */
package org.fatezero.edit.infusion;
